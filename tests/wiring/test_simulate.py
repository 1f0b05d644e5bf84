"""`muster simulate`: what it prints and draws, and what it says to wrong files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from muster.wiring.policy_file import read_load, read_policy
from muster.wiring.simulate import simulate

LOAD = "time,load\n0,100\n600,100\n601,500\n1800,500\n"
POLICY = "min_size: 1\nmax_size: 20\ntarget: 0.6\nplant:\n  boot_seconds: 30\n"

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*more: str, load: str | bytes = LOAD, policy: str = POLICY) -> Result:
        csv, yaml = tmp_path / "load.csv", tmp_path / "policy.yaml"
        csv.write_bytes(load if isinstance(load, bytes) else load.encode())
        yaml.write_text(policy)
        return CliRunner().invoke(simulate, ["--load", str(csv), "--policy", str(yaml), *more])

    return run


def test_a_table_compares_ours_with_every_preset(run: Run):
    result = run()
    assert result.exit_code == 0, result.output
    for name in ("muster", "thresholds ±1", "AWS target tracking", "HPA v2", "GCP MIG"):
        assert name in result.output
    assert "1 to 20 members, each for 100 of load and ready after 30 s" in result.output


def test_json_has_every_measure_for_each(run: Run):
    result = run("--json", "--against", "hpa,thresholds")
    said = json.loads(result.output)
    assert [each["autoscaler"] for each in said["results"]] == ["muster", "hpa", "thresholds"]
    assert said["plant"]["boot_s"] == 30
    assert {"j", "lost", "under", "over", "cost", "flaps", "reaction_s", "speedup"} <= set(
        said["results"][0]
    )


@pytest.mark.slow
def test_a_forecast_is_compared_with_the_same_rules_without(run: Run):
    """Every day at noon the load is twenty times that of the rest of the day."""
    hours = [(hour, 1000 if hour % 24 in (12, 13) else 50) for hour in range(96)]
    edges = [f"{hour * 3600},{load}\n{hour * 3600 + 3599},{load}\n" for hour, load in hours]
    policy = POLICY + "  step_seconds: 60\npredictive: on\nscaling_mode: on\n"
    policy = policy.replace("boot_seconds: 30", "boot_seconds: 600")
    result = run("--json", "--against", "", load="time,load\n" + "".join(edges), policy=policy)
    with_it, without = json.loads(result.output)["results"]
    assert (with_it["autoscaler"], without["autoscaler"]) == ("muster", "without")
    assert with_it["lost"] < 0.7 * without["lost"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "head"), [("out.png", b"\x89PNG"), ("out.svg", b"<?xml")])
def test_a_plot_is_drawn_by_its_ending(run: Run, tmp_path: Path, name: str, head: bytes):
    result = run("--plot", str(tmp_path / name), "--against", "")
    assert result.exit_code == 0, result.output
    assert (tmp_path / name).read_bytes().startswith(head)


def test_a_plot_of_another_form_is_refused_before_any_work(run: Run):
    result = run("--plot", "out.pdf")
    assert result.exit_code == 1
    assert "--plot must end in .png or .svg" in result.output


@pytest.mark.slow
def test_a_plot_in_a_folder_that_is_not_there_is_refused(run: Run, tmp_path: Path):
    result = run("--plot", str(tmp_path / "nowhere" / "out.png"))
    assert result.exit_code == 1
    assert "No such file" in result.output
    assert "Traceback" not in result.output


def test_an_unknown_preset_is_refused_with_the_known_ones(run: Run):
    result = run("--against", "nomad")
    assert "no preset is called 'nomad'; there are thresholds, aws, hpa, gcp" in result.output


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("", "must be fields with values"),
        ("- 1", "must be fields with values"),
        ("a: [", "policy.yaml"),
        ("min_size: 1", "has no rule"),
        ("target: high", "target must be a number, not a string"),
        ("target: 0.6\nmin_size: 5\nmax_size: 2", "min_size (5) must be at most max_size (2)"),
        ("target: 0.6\ndesired_size: 500", "desired_size must be between 1 and 100, not 500"),
        ("target: 0.6\ntraget: 1", "traget is not known here; did you mean target?"),
        ("target: 60", "target must be at most 1 for metric cpu"),
        ("scale_out_threshold: 0.7", "scale_in_threshold is needed with scale_out_threshold"),
        (
            "scale_out_threshold: 0.3\nscale_in_threshold: 0.5",
            "scale_in_threshold must be less than scale_out_threshold (0.3)",
        ),
        ("target: 0.6\nplant: {boot_seconds: -1}", "plant.boot_seconds must be from 0"),
        ("target: 0.6\nplant: 7", "plant must be an object"),
        ("target: 5\nmetric: custom", "metric must be cpu or requests"),
        ("schedules: [{cron: '0 8 * *', min_size: 1}]", "schedules[0]"),
        ("target: 0.6\nimage: demo-web", "image is not known here"),
        ("target: 0.6\nforecast: {enabled: true}", "forecast is not known here"),
    ],
)
def test_a_wrong_policy_names_the_field(run: Run, policy: str, said: str):
    result = run(policy=policy)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


def test_every_fault_of_a_policy_is_told_at_once(run: Run):
    output = run(policy="target: high\nmax_size: many").output
    assert "target must be" in output
    assert "max_size must be" in output


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("", "needs at least two lines"),
        ("time,load\n", "needs at least two lines"),
        ("time,load\n0,1\n", "needs at least two lines"),
        ("time,load\n0,1\n5\n", "line 3: needs time,load"),
        ("time,load\n0,1\nsoon,1\n", "line 3: 'soon' is no time"),
        ("time,load\n0,1\n5,much\n", "line 3: 'much' is no load"),
        ("time,load\n0,1\n5,-1\n", "line 3: '-1' is no load"),
        ("time,load\n0,1\n5,nan\n", "line 3: 'nan' is no load"),
        ("time,load\n5,1\n5,1\n", "line 3: times must ascend"),
        ("time,load\n0,1\n1e12,1\n", "line 3: '1e12' is no time"),
        ("time,load\n0,1\n1e9,1\n", "too many; raise plant.step_seconds"),
        (b"\xff\xfe\x00", "load.csv"),
    ],
)
def test_a_wrong_load_names_the_line(run: Run, load: str | bytes, said: str):
    result = run(load=load)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


def test_files_that_are_not_there_are_named(tmp_path: Path):
    result = CliRunner().invoke(simulate, ["--load", "no.csv", "--policy", "no.yaml"])
    assert result.exit_code == 1
    assert "no.yaml: No such file or directory" in result.output


def test_the_words_are_those_of_the_api(tmp_path: Path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "minSize: 2\nscale_out_threshold: 0.7\nscale_in_threshold: 0.2\ncooldown: 60\n"
        "scale_in_window: 120\nscaling_mode: out-only\n"
        "schedules:\n  - {cron: '0 8 * * *', time_zone: Europe/Berlin, min_size: 4}\n"
    )
    policy = read_policy(path)
    assert policy.plant.low == 2
    assert (policy.rules.cooldown_s, policy.rules.in_window_s) == (60, 120)
    assert policy.rules.schedules[0].zone == "Europe/Berlin"
    assert (policy.aim.high, policy.aim.low) == (0.7, 0.2)


def test_times_may_be_seconds_or_iso_and_columns_may_stand_anywhere(tmp_path: Path):
    path = tmp_path / "load.csv"
    path.write_text("who,load,time\nx,1,2030-01-01T08:00:00+01:00\n\ny,2,2030-01-01T07:00:30Z\n")
    series = read_load(path, 15)
    assert series.points == ((0, 1), (30, 2))
    assert series.began.isoformat() == "2030-01-01T07:00:00+00:00"
    path.write_text("10,1\n20,2\n")
    assert read_load(path, 15).points == ((0, 1), (10, 2))
