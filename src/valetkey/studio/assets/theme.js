// Before the first paint: the theme that the viewer chose, and the viewer's time zone, which words on pages are written in.
(() => {
  const KEY = "valetkey-theme";
  const root = document.documentElement;
  const read = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  apply(read());
  window.valetkeyTheme = () => {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    // Back at what the system says, it is followed again.
    try { next === system ? localStorage.removeItem(KEY) : localStorage.setItem(KEY, next); } catch {}
    apply(next === system ? null : next);
  };
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = "valetkey_zone=" + encodeURIComponent(zone) + "; path=/; SameSite=Strict; max-age=31536000";
})();
