declare module "lucide-react/dist/esm/icons/*.mjs" {
  import type { ComponentType, SVGProps } from "react";
  const icon: ComponentType<SVGProps<SVGSVGElement>>;
  export default icon;
}
