// The matrix of docs/client.md over TLS.
import { matrixOver } from "./suite.ts";

matrixOver("tls");
