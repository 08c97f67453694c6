import { useEffect, useRef } from "preact/hooks";

interface PicturePadProps {
  /** Pixels of the picture that the task takes. */
  readonly width: number;
  readonly height: number;
  /** RGBA bytes after each change; null: the pad is empty. */
  readonly give: (rgba: Uint8ClampedArray | null) => void;
}

/** Width of a line over the width of the picture. */
const PEN_SHARE = 0.15;

/** White on black, as digits are; drawn by pointer or by keys, or filled from a file. */
export function PicturePad({ width, height, give }: PicturePadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pen = useRef({ x: width / 2, y: height / 2 });
  const drawing = () => canvas.current?.getContext("2d", { willReadFrequently: true }) ?? null;
  const told = () => give(drawing()?.getImageData(0, 0, width, height).data ?? null);

  const clear = () => {
    const context = drawing();
    if (context === null) return;
    context.fillStyle = "black";
    context.fillRect(0, 0, width, height);
    give(null);
  };
  useEffect(clear, [width, height]);

  const lineTo = (x: number, y: number) => {
    const context = drawing();
    if (context === null) return;
    context.strokeStyle = "white";
    context.lineWidth = Math.max(1, PEN_SHARE * width);
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(pen.current.x, pen.current.y);
    context.lineTo(x, y);
    context.stroke();
    pen.current = { x, y };
  };
  const placeOf = ({ currentTarget, clientX, clientY }: PointerEvent) => {
    const box = (currentTarget as HTMLCanvasElement).getBoundingClientRect();
    return { x: ((clientX - box.left) / box.width) * width, y: ((clientY - box.top) / box.height) * height };
  };
  const start = (event: PointerEvent) => {
    (event.currentTarget as HTMLCanvasElement).setPointerCapture(event.pointerId);
    pen.current = placeOf(event);
    lineTo(pen.current.x, pen.current.y);
  };
  const move = (event: PointerEvent) => {
    if (event.buttons === 0) return;
    const { x, y } = placeOf(event);
    lineTo(x, y);
  };
  const key = (event: KeyboardEvent) => {
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const x = clamp(pen.current.x + step[0], width);
    const y = clamp(pen.current.y + step[1], height);
    if (event.shiftKey) pen.current = { x, y };
    else {
      lineTo(x, y);
      told();
    }
  };
  const upload = async (file: File | undefined) => {
    const context = drawing();
    if (file === undefined || context === null) return;
    const picture = await createImageBitmap(file, {
      resizeWidth: width,
      resizeHeight: height,
      resizeQuality: "high",
    });
    context.drawImage(picture, 0, 0);
    picture.close();
    told();
  };

  return (
    <>
      <canvas
        ref={canvas}
        class="pad"
        width={width}
        height={height}
        role="img"
        aria-label={`Picture of ${width} by ${height} pixels`}
        onPointerDown={start}
        onPointerMove={move}
        onPointerUp={told}
      />
      <div class="row">
        <button type="button" onClick={clear}>
          Clear
        </button>
        <button type="button" onKeyDown={key} title="With Shift the pen is lifted">
          Draw by arrow keys
        </button>
        <label>
          or a file
          <input
            type="file"
            accept="image/*"
            onChange={(event) => void upload(event.currentTarget.files?.[0])}
          />
        </label>
      </div>
    </>
  );
}

const steps: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const clamp = (value: number, size: number) => Math.min(size - 0.5, Math.max(0.5, value));
