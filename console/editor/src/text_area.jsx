/* What the graph editor has for longer texts, in place of a code editor of several megabytes. */
export function Editor({ value, onChange, options }) {
  return (
    <textarea
      aria-label="Text"
      className="plain-text"
      value={value ?? ""}
      readOnly={Boolean(options?.readOnly)}
      onChange={(event) => onChange?.(event.target.value)}
    />
  );
}

export const DiffEditor = () => null;
export const useMonaco = () => null;
export const loader = { config: () => undefined };
export const MarkerSeverity = { Error: 8 };
