import "./styles/tokens.css";
import "./styles/base.css";
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "@tanstack/react-router";
import { notify } from "./lib/notices";
import { restore } from "./lib/session";
import { prefetchPages, router } from "./router";

// A newer build replaced the files this page knows: say so and keep what is on screen.
window.addEventListener("vite:preloadError", () => {
  notify("bad", "This page is from an older version of the portal. Reload to go on; what you typed stays until then.");
});

void restore();
createRoot(document.getElementById("root")!).render(<RouterProvider router={router} />);
prefetchPages();
