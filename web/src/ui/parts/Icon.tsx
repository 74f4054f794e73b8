/** Strokes on a grid of 24 by 24. */
const paths = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.500L20 20",
  send: "M4.5 12L20 4.5 16.5 20l-4.5-6.500zM12 13.500L20 4.5",
  attach:
    "M4.5 7A2.5 2.5 0 0 1 7 4.500h10A2.5 2.5 0 0 1 19.5 7v10a2.5 2.5 0 0 1-2.5 2.500H7A2.5 2.5 0 0 1 4.5 17zM5 16l4-4 3.5 3.500L15 13l4.5 4M9 9.200h.01",
  signOut: "M14 5H7a2 2 0 0 0-2 2v10a2 2 0 0 0 2 2h7M11 12h9M16.5 8.500L20 12l-3.5 3.5",
  down: "M12 5v13M6.5 12.500L12 18l5.5-5.5",
  download: "M12 4v11M7 10.500l5 5 5-5M5 19.500h14",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4.500l2.5 1.5",
  sent: "M5 12.500l4.5 4.500L19 7.5",
  read: "M2.5 12.500L7 17l8.5-9M11 15.500l1.5 1.500L21.5 8",
  failed: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v5M12 16h.01",
  offline:
    "M4 4l16 16M5 12.500a10 10 0 0 1 4-2.400M8.5 16a5 5 0 0 1 6.5-.5M2 9a15 15 0 0 1 4.5-2.900M12 19h.01M11 5a15 15 0 0 1 11 4M15.5 10.400a10 10 0 0 1 3.5 2.1",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.800a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.600z",
  eyeOff:
    "M4 4l16 16M9.5 6A9.5 9.5 0 0 1 12 5.500c6 0 9.5 6.5 9.5 6.500a16 16 0 0 1-2.7 3.400M6 7.500A15 15 0 0 0 2.5 12S6 18.5 12 18.500a9 9 0 0 0 4.5-1.2",
  retry: "M19.5 5v5h-5M19 10a7.5 7.5 0 1 0 .5 4.5",
  brokenPhoto:
    "M4.5 7A2.5 2.5 0 0 1 7 4.500h10A2.5 2.5 0 0 1 19.5 7v10a2.5 2.5 0 0 1-2.5 2.500H7A2.5 2.5 0 0 1 4.5 17zM4 4l16 16",
} as const;

/** A picture beside words, or inside a button that has a label: never the only carrier of a meaning. */
export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
