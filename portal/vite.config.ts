/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env.PORTAL_API ?? "http://127.0.0.1:4000";
const forward = { target: server, ws: true };

export default defineConfig({
  plugins: [react()],
  server: { port: 5173, proxy: { "/graphql": forward, "/auth": forward, "/console": forward } },
  build: {
    // The strict Content-Security-Policy allows no data: scripts or fonts and no inline preload helper.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "baseline-widely-available",
    sourcemap: "hidden",
    manifest: true,
    rolldownOptions: {
      // The query console is a page of its own, under another policy; see src/api/graphql_console.hpp.
      input: { index: "index.html", "graphql-console": "graphql-console.html" },
      output: {
        codeSplitting: {
          groups: [{ name: "base", test: /node_modules[\\/](react|react-dom|scheduler|@tanstack|graphql-ws)[\\/]/ }],
        },
      },
    },
  },
  test: {
    environment: "jsdom",
    globals: true,
    include: ["src/**/*.test.{ts,tsx}", "tools/*.test.mjs"],
    setupFiles: ["test/setup.ts"],
    css: false,
  },
});
