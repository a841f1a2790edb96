// Runs before the first paint, so that the page never flashes in the wrong theme.
(function () {
  var root = document.documentElement;
  var stored = {};
  try {
    stored = JSON.parse(localStorage.getItem("phoenix.look") || "{}");
  } catch (error) {
    stored = {};
  }
  var light = matchMedia("(prefers-color-scheme: light)").matches;
  root.dataset.theme = stored.theme || (light ? "light" : "dark");
  root.dataset.density = stored.density || (matchMedia("(pointer: coarse)").matches ? "touch" : "compact");
})();
