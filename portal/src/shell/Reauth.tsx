import { Dialog } from "../ui/Dialog";
import { SignInForm } from "../pages/SignIn";
import ui from "../ui/ui.module.css";

/** Over the page whose session ended: the page stays, with all that was typed into it. */
export default function Reauth({ email }: { email: string }) {
  return (
    <Dialog title="Your session has ended" open onClose={() => undefined} fixed>
      <div className={ui.dialogBody}>
        <p>Sign in again to go on. Nothing on the page is lost.</p>
        <SignInForm email={email} returnTo={location.pathname + location.search} onDone={() => undefined} />
      </div>
    </Dialog>
  );
}
