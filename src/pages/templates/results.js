// The pages read without this. It shows the week under the pointer beside the drawing's heading,
// and closes an open menu where one clicks or presses Escape outside of it.
for (const figure of document.querySelectorAll("figure.course")) {
  const out = figure.querySelector("output");
  if (!out) continue;
  const rest = out.textContent;
  for (const week of figure.querySelectorAll("svg a")) {
    const title = week.querySelector("title");
    const show = () => { out.textContent = title.textContent; };
    const hide = () => { out.textContent = rest; };
    week.addEventListener("pointerenter", show);
    week.addEventListener("focus", show);
    week.addEventListener("pointerleave", hide);
    week.addEventListener("blur", hide);
  }
}
const open = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
