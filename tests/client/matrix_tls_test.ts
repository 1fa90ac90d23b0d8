// The matrix of docs/client.md over TLS.
import { matrixOver } from "./matrix_suite.ts";

matrixOver("tls");
