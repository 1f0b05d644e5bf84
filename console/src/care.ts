// How a cluster of servers is looked after, as it is typed.
export interface Care {
  connection_url: string;
  channel: string;
  description: string;
  properties: Record<string, string>;
  config: { rolling_restart: Rolling; cloud: boolean };
}

export interface Rolling {
  post_restore_delay: string;
  restore_mode: string;
  windows: string[];
  max_parallel: number;
  drain_timeout: string;
  hook_before: string;
  hook_after: string;
}

export interface TypedCare {
  channel: string;
  description: string;
  connection_url: string;
  windows: string; // one a line
  post_restore_delay: string;
  restore_mode: string;
  max_parallel: string;
  drain_timeout: string;
  hook_before: string;
  hook_after: string;
}

export const typedCare = ({ channel, description, connection_url, config: { rolling_restart: rolling } }: Care): TypedCare => ({
  ...rolling,
  channel,
  description,
  connection_url,
  windows: rolling.windows.join("\n"),
  max_parallel: String(rolling.max_parallel),
});

const lines = (text: string) => text.split("\n").map((one) => one.trim()).filter(Boolean);

/** Return all that is to be said of a cluster: what is typed, and the rest as it was. */
export function careBody(was: Care, { channel, description, connection_url, ...rolling }: TypedCare): Care {
  return { channel, description, connection_url, properties: was.properties, config: { ...was.config, rolling_restart: { ...rolling, windows: lines(rolling.windows), max_parallel: Number(rolling.max_parallel) } } };
}

const WINDOW = /^((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/;
const DELAY = /^(\d{1,4}h)?(\d{1,4}m)?(\d{1,6}s)?$/;

/** Return what can be told to be wrong without asking, by field. */
export function careFaults(one: TypedCare): Record<string, string> {
  const strange = lines(one.windows).find((each) => !WINDOW.test(each));
  const delay = (said: string) => (DELAY.test(said) ? "" : "must be a time such as 15m, 1h30m or 90s");
  const hook = (said: string) => (!said || /^https?:\/\/[^\s/?#@]+(\/\S*)?$/.test(said) ? "" : "must be https://host/path");
  const found = {
    windows: strange ? `'${strange}' is no time such as 22:00-04:00 or Sat 01:00-05:00` : "",
    max_parallel: /^([1-9]\d?|100)$/.test(one.max_parallel) ? "" : "must be a number from 1 to 100",
    post_restore_delay: delay(one.post_restore_delay),
    drain_timeout: delay(one.drain_timeout),
    hook_before: hook(one.hook_before),
    hook_after: hook(one.hook_after),
  };
  return Object.fromEntries(Object.entries(found).filter(([, why]) => why));
}
