/* The island's entry: small, so that the page is there before the editor is. */
const place = document.getElementById("graph-editor");

/* The page's policy lets through only those styles that carry the page's word. */
const create = Document.prototype.createElement;
Document.prototype.createElement = function (name, ...rest) {
  const element = create.call(this, name, ...rest);
  if (String(name).toLowerCase() === "style") {
    element.nonce = place.dataset.word;
  }
  return element;
};

import("./graph.jsx").then(
  ({ show }) => show(place, document.getElementById("decision")),
  () => {
    document.getElementById("graph-editor-state").textContent =
      "The editor could not be loaded. Edit the tables as a form.";
  },
);
