import path from "node:path";
import { fileURLToPath } from "node:url";
import license from "rollup-plugin-license";
import { defineConfig } from "vite";
import { licenceOf, licencesWithin } from "./licences.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = process.env.EDITOR_OUT;
const stub = path.join(here, "src", "text_area.jsx");
const FREE = "MIT OR ISC OR Apache-2.0 OR BSD-2-Clause OR BSD-3-Clause OR 0BSD OR CC0-1.0";
const thirdParty = {
  allow: { test: `(${FREE})`, failOnUnlicensed: true, failOnViolation: true },
  output: {
    file: path.join(out, "THIRD_PARTY_LICENCES.txt"),
    /* exceljs comes with its own dependencies packed into one file. */
    template: (packages) =>
      [...packages.map(licenceOf), ...licencesWithin(here, "exceljs")].join("\n\n---\n\n"),
  },
};

export default defineConfig({
  root: here,
  base: "./",
  esbuild: { jsx: "automatic" },
  /* Policies hold no function nodes: the large editor of their JavaScript is left out. */
  resolve: { alias: { "@monaco-editor/react": stub, "monaco-editor": stub } },
  build: {
    outDir: out,
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 10000,
    assetsInlineLimit: 0,
    assetsDir: ".",
    reportCompressedSize: false,
    rollupOptions: {
      input: path.join(here, "src", "editor.js"),
      output: { entryFileNames: "editor.js" },
      plugins: [license({ thirdParty })],
      onwarn: (warning, warn) => warning.code === "MODULE_LEVEL_DIRECTIVE" || warn(warning),
    },
  },
});
