import type { SVGProps } from "react";

/** The Sankofa bird: it walks forward, looks back, and takes up the ember from its back. */
export const Mark = (props: SVGProps<SVGSVGElement> & { "data-art"?: boolean }) => (
  <svg viewBox="0 0 32 32" aria-hidden {...props}>
    <path
      fill="currentColor"
      d="M27.9 17.6C28.7 10.4 25.6 3.4 19.8 3.4 16.3 3.4 14.3 5.3 13.5 7.4L10.7 11.7 15.9 10.2C16.5 8.4 17.7 7.2 19.5 7.2 22.7 7.2 24.3 11.6 23.6 16.9 17.4 19 9.9 18.5 4.4 15.6 4 23.4 8.7 29.4 15.8 29.4 22.4 29.4 27.2 24.6 27.9 17.6Z"
    />
    <path
      fill="#e9ab2b"
      d="M4.5 13.7C3.3 9.6 4.5 5.7 7.7 2.7 7.6 5.7 8.1 7.4 8.9 9.3 9.7 11.2 9.5 13.3 8.6 15.6 7.1 15.1 5.7 14.5 4.5 13.7Z"
    />
    <circle cx="13" cy="14" r="2.3" fill="#e25500" />
  </svg>
);
