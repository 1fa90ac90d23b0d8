// The matrix of docs/client.md over a Unix socket.
import { matrixOver } from "./suite.ts";

matrixOver("unix");
