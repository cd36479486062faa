// What every page does by itself: it tells that somebody is there, and remembers where the keyboard was before a dialog.
(() => {
  const EVERY_MS = 60000;
  let told = 0;
  const there = () => {
    if (Date.now() - told < EVERY_MS) return;
    told = Date.now();
    fetch("/here", { method: "POST" }).then((answer) => {
      if (answer.status === 401) location.reload();
    });
  };
  addEventListener("keydown", there);
  addEventListener("pointerdown", there);

  let last = null;
  document.addEventListener("focusin", (event) => {
    if (!event.target.closest(".q-dialog")) last = event.target;
  });
  window.valetkeyBack = () => {
    const target = last?.isConnected ? last : document.getElementById("content");
    target?.focus();
  };
})();
