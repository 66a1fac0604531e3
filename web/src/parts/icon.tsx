// Small line drawings, drawn here so that nothing has to be fetched.

const PATHS = {
  calls: "M4 6h16M4 12h16M4 18h10",
  phone: "M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2",
  key: "M12.5 15.5a4.5 4.5 0 1 1-9 0a4.5 4.5 0 0 1 9 0zM11.2 12.3L20 3.5M16 7.5l3 3",
  settings: "M3 8h9M18 8h3M3 16h3M12 16h9M18 8a3 3 0 1 1-6 0a3 3 0 0 1 6 0zM12 16a3 3 0 1 1-6 0a3 3 0 0 1 6 0z",
  hang_up: "M3 14c4-5 14-5 18 0l-2 3-4-1v-3c-2-.6-4-.6-6 0v3l-4 1z",
  listen: "M5 14v-2a7 7 0 0 1 14 0v2M5 14h3v5H6a1 1 0 0 1-1-1zM19 14h-3v5h2a1 1 0 0 0 1-1z",
  mute: "M9 9v3a3 3 0 0 0 5 2M15 11V6a3 3 0 0 0-5.9-.7M5 11a7 7 0 0 0 11 5M12 18v3M4 4l16 16",
  mic: "M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3M5 11a7 7 0 0 0 14 0M12 18v3",
  stop: "M7 7h10v10H7z",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  back: "M15 5l-7 7 7 7",
  keypad: "M6 6h.01M12 6h.01M18 6h.01M6 12h.01M12 12h.01M18 12h.01M6 18h.01M12 18h.01M18 18h.01",
  check: "M5 12l5 5 9-10",
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
