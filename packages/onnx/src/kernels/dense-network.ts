/** Where constants lie among those of a network. */
export interface NetworkConstants {
  readonly offset: number;
  readonly count: number;
}

/**
 * One layer over rows of float32. Dense: weights are `[ins, outs]`, row-major, and the bias has `outs` elements. Affine: one
 * factor for all elements of a row or one each, and likewise offsets.
 */
export type NetworkStep =
  | {
      readonly kind: "dense";
      readonly ins: number;
      readonly outs: number;
      readonly weights: NetworkConstants;
      readonly bias: NetworkConstants | null;
      readonly relu: boolean;
    }
  | {
      readonly kind: "affine";
      readonly width: number;
      readonly factors: NetworkConstants | null;
      readonly offsets: NetworkConstants | null;
    }
  | { readonly kind: "relu"; readonly width: number };

/** An input or output in float32; rows lie along its first axis. */
export interface NetworkTensor {
  readonly name: string;
  /** Name of the first axis; may be empty. */
  readonly batchAxis: string;
  readonly rowDims: readonly number[];
}

/** Layers that follow each other, as the kernel module computes them. */
export interface DenseNetwork {
  readonly input: NetworkTensor;
  readonly output: NetworkTensor;
  readonly steps: readonly NetworkStep[];
  readonly constants: Float32Array;
}

/** Collects the steps of a network and their constants; a bias and a Relu become part of the dense layer before them. */
export class NetworkBuilder {
  private readonly steps: NetworkStep[] = [];
  private readonly parts: Float32Array[] = [];
  private count = 0;

  get isEmpty(): boolean {
    return this.steps.length === 0;
  }

  dense(
    { ins, outs }: { readonly ins: number; readonly outs: number },
    weights: Float32Array,
    bias: Float32Array | null,
  ): void {
    const kept = this.keep(weights);
    this.steps.push({
      kind: "dense",
      ins,
      outs,
      weights: kept,
      bias: this.keepBias(bias, outs),
      relu: false,
    });
  }

  affine(width: number, factors: Float32Array | null, offsets: Float32Array | null): void {
    const last = this.steps.at(-1);
    if (factors === null && last?.kind === "dense" && last.bias === null && !last.relu) {
      this.steps[this.steps.length - 1] = { ...last, bias: this.keepBias(offsets, last.outs) };
      return;
    }
    const kept = { factors: factors && this.keep(factors), offsets: offsets && this.keep(offsets) };
    this.steps.push({ kind: "affine", width, ...kept });
  }

  relu(width: number): void {
    const last = this.steps.at(-1);
    if (last?.kind === "dense") this.steps[this.steps.length - 1] = { ...last, relu: true };
    else this.steps.push({ kind: "relu", width });
  }

  network(input: NetworkTensor, output: NetworkTensor): DenseNetwork {
    const constants = new Float32Array(this.count);
    let offset = 0;
    for (const part of this.parts) {
      constants.set(part, offset);
      offset += part.length;
    }
    return { input, output, steps: this.steps, constants };
  }

  private keepBias(bias: Float32Array | null, outs: number): NetworkConstants | null {
    if (bias === null) return null;
    return this.keep(bias.length === outs ? bias : new Float32Array(outs).fill(bias[0] ?? 0));
  }

  private keep(values: Float32Array): NetworkConstants {
    const kept = { offset: this.count, count: values.length };
    this.parts.push(values);
    this.count += values.length;
    return kept;
  }
}
