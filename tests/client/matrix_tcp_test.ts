// The matrix of docs/client.md over TCP.
import { matrixOver } from "./matrix_suite.ts";

matrixOver("tcp");
