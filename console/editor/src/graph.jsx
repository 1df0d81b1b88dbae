import "@gorules/jdm-editor/dist/style.css";
import "./graph.css";

import { DecisionGraph, JdmConfigProvider } from "@gorules/jdm-editor";
import { ConfigProvider } from "antd";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const DARK = window.matchMedia("(prefers-color-scheme: dark)");

/* Where the editor keeps whether its list of components is open; the graph has more room without. */
const COMPONENTS = "jdm-components-opened";

/* How long the editor may take to hand on what was typed. */
const SETTLES_MS = 1000;

function fit(flow) {
  window.requestAnimationFrame(() => flow.fitView({ padding: 0.1 }));
}

function useScheme() {
  const [dark, setDark] = useState(DARK.matches);
  useEffect(() => {
    const change = (event) => setDark(event.matches);
    DARK.addEventListener("change", change);
    return () => DARK.removeEventListener("change", change);
  }, []);
  return dark ? "dark" : "light";
}

function Graph({ word, field }) {
  const [graph, setGraph] = useState(() => JSON.parse(field.value));
  const change = (next) => {
    setGraph(next);
    /* What else stands beside nodes and edges stays as it is. */
    field.value = JSON.stringify({ ...JSON.parse(field.value), ...next });
  };
  return (
    <ConfigProvider csp={{ nonce: word }}>
      <JdmConfigProvider theme={{ mode: useScheme() }}>
        <DecisionGraph value={graph} onChange={change} onReactFlowInit={fit} />
      </JdmConfigProvider>
    </ConfigProvider>
  );
}

/* Nodes hold buttons, so they are groups to a screen reader, not buttons themselves. */
function nameGroups(canvas) {
  canvas
    .querySelectorAll(".react-flow__node[role=button]")
    .forEach((node) => node.setAttribute("role", "group"));
}

/* The editor hands on what is typed a moment later: a form that is sent at once waits for it. */
function sendWhole(form, canvas) {
  let typed = -Infinity;
  const note = () => {
    typed = performance.now();
  };
  canvas.addEventListener("keydown", note, true);
  canvas.addEventListener("input", note, true);
  form.addEventListener("submit", (event) => {
    const left = typed + SETTLES_MS - performance.now();
    if (left > 0) {
      event.preventDefault();
      event.stopImmediatePropagation();
      window.setTimeout(() => form.requestSubmit(event.submitter), left);
    }
  }, true);
}

/** Show the graph that a field holds; the field follows what is edited. */
export function show(place, field) {
  if (window.localStorage.getItem(COMPONENTS) === null) {
    window.localStorage.setItem(COMPONENTS, "false");
  }
  const canvas = place.appendChild(document.createElement("div"));
  canvas.className = "graph-canvas";
  sendWhole(field.form, canvas);
  createRoot(canvas).render(<Graph word={place.dataset.word} field={field} />);
  new MutationObserver(() => nameGroups(canvas)).observe(canvas, {
    childList: true,
    subtree: true,
  });
  place.dataset.state = "shown";
}
