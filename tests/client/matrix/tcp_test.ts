// The matrix of docs/client.md over TCP.
import { matrixOver } from "./suite.ts";

matrixOver("tcp");
