// Builds the page into ../dist: the same sources and the same lock file give
// the same bytes. Beside it a fingerprint of the sources, by which a Go test
// notices a forgotten build without needing node.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const out = "../dist";
rmSync(out, { recursive: true, force: true });
mkdirSync(out);

await build({
  entryPoints: [{ in: "src/main.tsx", out: "app" }, { in: "src/style.css", out: "app" }],
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none", // the notices are in licenses.txt
});

for (const name of readdirSync("static").sort()) cpSync(join("static", name), join(out, name));

const bundled = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies).sort();
const notices = bundled.map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`);
writeFileSync(join(out, "licenses.txt"), notices.join("\n" + "-".repeat(72) + "\n\n"));

// The order and form are those of fingerprint in ../assets_test.go.
const sources = ["build.mjs", "package-lock.json", "package.json", "tsconfig.json"];
for (const folder of ["src", "static"]) {
  for (const name of readdirSync(folder)) sources.push(`${folder}/${name}`);
}
const sum = createHash("sha256");
for (const name of sources.sort()) sum.update(`${name}\0`).update(readFileSync(name)).update("\0");
writeFileSync("built.sha256", sum.digest("hex") + "\n");
