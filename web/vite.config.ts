// How the pages are built: into dist/, which the program embeds. Nothing is inlined, because the pages' content security
// policy allows no inline script, style or data; nothing is fetched from elsewhere.
import { defineConfig } from "vite";

export default defineConfig({
  build: {
    outDir: "dist",
    // dist/.gitignore is committed, so that the folder is always there; `npm run build` removes the old assets itself.
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  server: {
    // `npm run dev` beside a running `agentphone serve`.
    proxy: {
      "/api": { target: "http://127.0.0.1:8080", ws: true },
      "/session": "http://127.0.0.1:8080",
    },
  },
});
