"""A plan in sentences: what each step does, for dry runs, logs and people."""

from typing import assert_never

from muster.model.step import (
    CreateServer,
    DeleteServer,
    DropRecord,
    OperateServer,
    PostHook,
    PutPool,
    PutRecord,
    RemovePool,
    Step,
)


def sentence(step: Step, name: str) -> str:
    """Return what `step` does in one sentence; `name` is its node's, or the cluster's."""
    match step:
        case CreateServer():
            return f"create an instance for {name} from {step.order.spec.image_name}: {step.why}"
        case DeleteServer():
            return f"delete the instance of {name}: {step.why}"
        case OperateServer():
            return f"{step.operation} the instance of {name}: {step.why}"
        case PostHook():
            return f"ask whether {name} may go: {step.why}"
        case PutPool():
            return f"load balancer: {step.why}"
        case RemovePool():
            return f"remove the load balancer's pool of {name}: {step.why}"
        case PutRecord():
            return f"publish {step.name} as {step.address}: {step.why}"
        case DropRecord():
            return f"withdraw the name {step.name}: {step.why}"
        case _:
            assert_never(step)
