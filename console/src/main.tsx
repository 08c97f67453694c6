import { render } from "preact";
import { Playground } from "./playground";

const root = document.getElementById("console");
if (root !== null) render(<Playground />, root);
