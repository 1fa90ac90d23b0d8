// The matrix of docs/client.md over a Unix socket.
import { matrixOver } from "./matrix_suite.ts";

matrixOver("unix");
