"use strict";
/* All pages work without this. It shows what sliders say, asks before what is hard to undo, and
   takes "/" to the search; on a narrow screen, it scrolls the navigation to where one is. */
const here = document.querySelector(".top nav [aria-current]");
if (here) {
  const nav = here.closest("nav");
  nav.scrollLeft += here.getBoundingClientRect().left - nav.getBoundingClientRect().left - 60;
}
document.addEventListener("input", (event) => {
  const field = event.target;
  const pair = field.dataset && field.dataset.pair && document.getElementById(field.dataset.pair);
  if (pair) { pair.value = field.value; }
});
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  const question = button && button.dataset.ask;
  if (question && !window.confirm(question)) { event.preventDefault(); }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) { return; }
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) { return; }
  const search = document.querySelector('[data-key="/"]');
  if (search) { event.preventDefault(); search.focus(); }
});
