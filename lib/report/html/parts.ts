/** Pieces of HTML. Whatever text goes in is escaped; what comes out is markup. */

/** Markup, as opposed to text that has yet to be escaped. */
export interface Markup {
  readonly html: string;
}

const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it may stand between tags and in quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => ESCAPES[c]!);

/** A template whose insertions are escaped, unless they are markup or lists of it. */
export function markup(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | Markup | readonly Markup[])[]
): Markup {
  const text = values.map((value) => {
    if (typeof value === "number") return String(value);
    if (typeof value === "string") return escapeHtml(value);
    return "html" in value ? value.html : value.map((markup) => markup.html).join("");
  });
  return { html: strings.map((part, i) => part + (text[i] ?? "")).join("") };
}

export const NOTHING: Markup = { html: "" };

/** A table whose first column names its rows; numbers align in the others. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): Markup {
  const header = head.length === 0 ? NOTHING : markup`
    <thead>
      <tr>${head.map((text) => markup`<th scope="col">${text}</th>`)}</tr>
    </thead>
  `;
  const body = rows.map(([name = "", ...cells]) =>
    markup`<tr><th scope="row">${name}</th>${cells.map((text) => markup`<td>${text}</td>`)}</tr>`
  );
  return markup`
    <div class="scroll">
      <table>${header}<tbody>${body}</tbody></table>
    </div>
  `;
}

export function definitions(
  rows: readonly (readonly [name: string, text: string])[],
  kind = "rows",
): Markup {
  const items = rows.map(([name, text]) => markup`<div><dt>${name}</dt><dd>${text}</dd></div>\n`);
  return markup`<dl class="${kind}">${items}</dl>`;
}

/** Data for scripts. "<" is written as an escape of JSON, so that no text can end the element. */
export function dataScript(id: string, data: unknown): Markup {
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  return { html: `<script type="application/json" id="${escapeHtml(id)}">${json}</script>` };
}

/** A script of our own. What would end the element can only stand in its strings and comments. */
export const inlineScript = (code: string): Markup => ({
  html: `<script>${code.replace(/<(?=\/script|!--)/gi, "\\x3c")}</script>`,
});

export const inlineStyle = (css: string): Markup => ({
  html: `<style>${css.replace(/<(?=\/style)/gi, "\\3c ")}</style>`,
});
