import fs from "node:fs";
import path from "node:path";

const entry = (label, name, text) => `${label}\nLicence: ${name}\n\n${text ?? ""}`;

/** Name, version and licence of a package that was bundled, and what it wants to be told. */
export function licenceOf({ name, version, license, licenseText, noticeText }) {
  return entry(`${name} ${version}`, license, [licenseText, noticeText].filter(Boolean).join("\n"));
}

/** The folder of a package as Node would find it from another one's folder. */
function folderOf(name, from) {
  const here = path.join(from, "node_modules", name);
  if (fs.existsSync(here)) {
    return here;
  }
  return path.dirname(from) === from ? null : folderOf(name, path.dirname(from));
}

/** The same of all that a package depends on. */
export function licencesWithin(root, name) {
  const texts = new Map();
  const walk = (one, from) => {
    const folder = folderOf(one, from);
    const about = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
    const label = `${about.name} ${about.version}`;
    if (texts.has(label)) {
      return;
    }
    const file = fs.readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const text = file ? fs.readFileSync(path.join(folder, file), "utf8") : "";
    texts.set(label, entry(`${label}, within ${name}`, about.license, text));
    Object.keys(about.dependencies ?? {}).forEach((next) => walk(next, folder));
  };
  walk(name, root);
  return [...texts.values()];
}
