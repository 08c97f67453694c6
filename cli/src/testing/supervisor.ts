/**
 * Entry of a supervisor for tests: keeps `node -e <script>` up in a process group of the folder that is its first argument,
 * tells its parent each note, and stops when it is told anything.
 */
import { ProcessGroup } from "../system/process-group";

const [folder = "", script = ""] = process.argv.slice(2);
const tell = (message: string) => void process.send?.(message);
const group = new ProcessGroup({ folder, note: tell, onLoss: (error) => tell(`lost: ${error.message}`) });
group.start({ name: "worker", command: process.execPath, args: ["-e", script] });
group.keepUp();
process.on("message", () => void group.stop().then(() => process.exit(0)));
