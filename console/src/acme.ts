// How Muster gets the certificate that it shows from an authority, as it is typed.
import type { Foreseen } from "./deeds.svelte";

export interface Acme {
  domain: string;
  email: string;
  ca_url: string;
  http_challenge_address: string;
  agree_tos: boolean;
}

/** Return what of the settings can be typed; the rest belongs to proofs by DNS, which are refused. */
export const typedAcme = ({ domain, email, ca_url, http_challenge_address, agree_tos }: Acme): Acme => ({ domain, email, ca_url, http_challenge_address, agree_tos });

/** Return what is typed as it is sent. */
export const trimmed = (said: Acme): Acme => ({ ...said, domain: said.domain.trim(), email: said.email.trim(), ca_url: said.ca_url.trim(), http_challenge_address: said.http_challenge_address.trim() });

export const isSame = (one: Acme, other: Acme): boolean => (Object.keys(one) as (keyof Acme)[]).every((key) => one[key] === other[key]);

const NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const NUMBERS = /^(\d+(\.\d+){3}|\[?[0-9a-f]*:[0-9a-f:.]*\]?)$/i;
const MAIL = /^[^@\s,?]+@[^@\s,?]+$/;
const ADDRESS = /^(\[[0-9a-f:.]+\]|[^\s:[\]/]*):(\d{1,5})$/i;
const HTTPS = /^https:\/\/[^\s/?#@]+(\/\S*)?$/i;

/** Return what can be told to be wrong without asking, by field. `secure`: whether HTTPS is served. */
export function acmeFaults(said: Acme, secure: boolean): Record<string, string> {
  const { domain, email, ca_url, http_challenge_address, agree_tos } = trimmed(said);
  const port = Number(ADDRESS.exec(http_challenge_address)?.[2] ?? 0);
  const found = {
    domain: domain && (notAName(domain) || (secure ? "" : "needs HTTPS to be served: Muster begins with the settings tls_certificate and tls_key")),
    email: email && !MAIL.test(email) ? "must be an address such as ops@example.com, or empty" : "",
    ca_url: HTTPS.test(ca_url) ? "" : "must be the https:// address of an authority's directory",
    http_challenge_address: http_challenge_address && !(port > 0 && port < 65536) ? "must be host:port or :port, or empty" : "",
    agree_tos: domain && !agree_tos ? "no authority gives a certificate without" : "",
  };
  return Object.fromEntries(Object.entries(found).filter(([, why]) => why));
}

function notAName(domain: string): string {
  if (domain.startsWith("*.")) return "must be one name: only DNS-01 proves all names of a domain";
  if (NUMBERS.test(domain)) return "must be a name, not an address";
  return NAME.test(domain) ? "" : "must be a full name such as muster.example.com, in small letters";
}

/** Return what comes of a change. */
export function acmeForeseen(was: Acme, said: Acme): Foreseen {
  const { domain, ca_url, http_challenge_address } = said;
  if (!domain) {
    const steps = was.domain ? [`no certificate of ${was.domain} is got any more; the one that is shown stays, and nobody renews it`] : ["it is kept for when there is a domain"];
    return { steps, loses: [], reversible: true };
  }
  const another = domain !== was.domain || ca_url !== was.ca_url;
  const listens = http_challenge_address ? `Muster listens at ${http_challenge_address} while it is asked` : "whoever listens there has to pass that on to any server of Muster";
  return {
    steps: [
      another ? `${new URL(ca_url).host} is asked for a certificate of ${domain}: within seconds, if the last one asked for was of another name or authority or was not given` : `${new URL(ca_url).host} is asked for another certificate of ${domain} when a third of its lifetime is left; at once, if the last one was not given`,
      `it looks at http://${domain}/.well-known/acme-challenge/ whether that leads here; ${listens}`,
      "every server of Muster shows what is given from its next connection on, and machines that are held to the certificate are told",
      "what fails is a warning, and tried again after a day; until then the old one is shown",
    ],
    loses: [],
    reversible: true,
  };
}
