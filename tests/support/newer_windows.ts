// For `bun test --preload`: the library takes this Windows, or Wine, for one whose WSAPoll tells of failed
// connects (2004 or later), whatever version it says it has.
import os from "node:os";

process.getBuiltinModule("node:os").release = os.release = () => "10.0.22631";
