/** The options of TLS that clients have: few imports, as `client` starts for a line of text. */
import { flag, type Table, value } from "./option.ts";
import { file, host } from "./values.ts";

export const CLIENT_TLS = {
  tls: flag("speak TLS, and check the certificate", {
    ...{ joined: true, brief: "speak TLS, trust any certificate" },
  }),
  tlsInsecure: flag("with --tls: trust any certificate"),
  tlsCa: value("FILE", "trust these authorities only, as PEM", file, {
    ...{ file: true, joined: true, brief: "CAs to trust (PEM); name to expect" },
  }),
  tlsServerName: value("NAME", "the name that the certificate must be for", host),
  tlsCert: value("FILE", "this client's own certificate and its chain, as PEM", file, {
    ...{ file: true, joined: true, brief: "this client's own, as PEM" },
  }),
  tlsKey: value("FILE", "the key of --tls-cert, as PEM, not encrypted", file, { file: true }),
} satisfies Table;
