// Sign-in by email and password, or by the one-time link that the server prints at its first start. The link's token is
// in the fragment, so it never leaves the browser but to the sign-in itself.
import { useEffect, useRef, useState, type FormEvent } from "react";
import { useSearch } from "@tanstack/react-router";
import { SetPasswordDocument } from "../gql/graphql";
import { ApiError, asApiError, execute, fieldErrors, signInMethods, userScope, type Challenge, type SignInMethods } from "../lib/api";
import { useGo } from "../lib/scope";
import { passwordIsSet, restore, signIn, signInOnce, signInWithCode, useSession } from "../lib/session";
import { Button } from "../ui/Button";
import { TextField } from "../ui/Field";
import { Mark } from "../ui/Mark";
import { ErrorBand } from "../ui/States";
import { PageTitle } from "../ui/PageTitle";
import styles from "./pages.module.css";

/** The way through an identity provider elsewhere, when there is one; it comes back to the page `returnTo`. */
function Elsewhere({ returnTo }: { returnTo: string }) {
  const [methods, setMethods] = useState<SignInMethods | null>(null);
  useEffect(() => {
    let gone = false;
    // Without an answer the form is still there, and says what is wrong when it is used.
    signInMethods().then((known) => gone || setMethods(known), () => undefined);
    return () => void (gone = true);
  }, []);
  if (!methods?.outside) return null;
  const { name, start } = methods.outside;
  return (
    <div className={styles.form}>
      <Button onPress={() => location.assign(`${start}?return_to=${encodeURIComponent(returnTo)}`)}>Sign in with {name}</Button>
      <p className={styles.or}>or with an account of this cloud</p>
    </div>
  );
}

/** Why the identity provider's answer opened nothing, by the server's reason. */
const problems: Record<string, [message: string, next: string]> = {
  "oidc.denied": ["The identity provider did not sign you in.", "Try again, or ask its administrator for access."],
  "oidc.state": ["This sign-in was not begun in this browser, took too long, or was finished before.", "Sign in again."],
  "oidc.unreachable": ["The identity provider cannot be reached.", "Try again in a moment, or sign in with an account of this cloud."],
  "auth.invalid": ["This account is disabled.", "Ask an administrator."],
};

function problemOf(reason: string): ApiError {
  const [message, nextAction] = problems[reason] ?? [`The identity provider's answer was refused (${reason}).`, "Sign in again."];
  return new ApiError(message, { code: "UNAUTHENTICATED", reason, nextAction });
}

/** The second step, of accounts with an authenticator app. */
function CodeForm({ challenge, onDone, onAgain }: { challenge: Challenge; onDone(): void; onAgain(): void }) {
  const [code, setCode] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || !code.trim()) return;
    setBusy(true);
    setError(null);
    try {
      await signInWithCode(challenge, code);
      onDone();
    } catch (reason) {
      setError(asApiError(reason));
      setCode("");
    } finally {
      setBusy(false);
    }
  }

  const wrong = error?.details.reason === "auth.code_wrong";
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <TextField
        label="Code"
        name="code"
        autoComplete="one-time-code"
        value={code}
        onChange={setCode}
        autoFocus
        mono
        error={wrong ? error.message : null}
        hint="Six digits from your authenticator app, or a recovery code."
      />
      {error && !wrong && <ErrorBand what="Sign-in failed" error={error} />}
      <div className={styles.actions}>
        <Button type="submit" tone="primary" isDisabled={busy || !code.trim()}>
          {busy ? "Signing in…" : "Sign in"}
        </Button>
        <Button tone="quiet" onPress={onAgain}>
          Begin again
        </Button>
      </div>
    </form>
  );
}

export function SignInForm({ email: known, returnTo, onDone }: { email?: string; returnTo: string; onDone(): void }) {
  const [email, setEmail] = useState(known ?? "");
  const [password, setPassword] = useState("");
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      const asked = await signIn(email.trim(), password);
      setChallenge(asked);
      setPassword("");
      if (!asked) onDone();
    } catch (reason) {
      setError(asApiError(reason));
    } finally {
      setBusy(false);
    }
  }

  if (challenge) return <CodeForm challenge={challenge} onDone={onDone} onAgain={() => setChallenge(null)} />;
  const wrong = error?.code === "UNAUTHENTICATED";
  return (
    <>
    <Elsewhere returnTo={returnTo} />
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <TextField label="Email" name="email" type="email" autoComplete="username" value={email} onChange={setEmail} autoFocus={!known} />
      <TextField
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        value={password}
        onChange={setPassword}
        autoFocus={Boolean(known)}
        error={wrong ? "Email and password do not match an account." : null}
      />
      {error && !wrong && <ErrorBand what="Sign-in failed" error={error} />}
      <Button type="submit" tone="primary" isDisabled={busy || !email || !password}>
        {busy ? "Signing in…" : "Sign in"}
      </Button>
    </form>
    </>
  );
}

const shortestPassword = 12;

function SetPasswordForm({ onDone }: { onDone(): void }) {
  const [password, setPassword] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || password.length < shortestPassword) return;
    setBusy(true);
    setError(null);
    try {
      await execute(SetPasswordDocument, { password }, userScope);
      passwordIsSet();
      onDone();
    } catch (reason) {
      setError(asApiError(reason));
    } finally {
      setBusy(false);
    }
  }

  const short = password.length > 0 && password.length < shortestPassword;
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
      <PageTitle>Set a password</PageTitle>
      <p className={styles.sub}>The link worked once and will not work again. With a password you can sign in next time.</p>
      <TextField
        label="New password"
        type="password"
        autoComplete="new-password"
        value={password}
        onChange={setPassword}
        autoFocus
        error={fieldErrors(error).password}
        hint={short ? `${shortestPassword - password.length} more characters` : `At least ${shortestPassword} characters; a few words are best.`}
        good={password.length >= shortestPassword ? "Long enough" : null}
      />
      {error && !fieldErrors(error).password && <ErrorBand what="The password was not set" error={error} />}
      <div className={styles.actions}>
        <Button type="submit" tone="primary" isDisabled={busy || password.length < shortestPassword}>
          Set password
        </Button>
        <Button tone="quiet" onPress={onDone}>
          Not now
        </Button>
      </div>
    </form>
  );
}

export function SignInPage() {
  const session = useSession();
  const { next, problem } = useSearch({ strict: false });
  const go = useGo();
  const [offer, setOffer] = useState(false);
  const [linkError, setLinkError] = useState<ApiError | null>(null);
  const [challenge, setChallenge] = useState<Challenge | null>(null);
  const [redeeming, setRedeeming] = useState(() => location.hash.startsWith("#token="));
  const once = useRef(false);

  const target = next?.startsWith("/") && !next.startsWith("//") ? next : "/";
  const leave = () => go(target);

  useEffect(() => {
    if (!redeeming || once.current) return;
    once.current = true;
    const token = decodeURIComponent(location.hash.slice("#token=".length));
    history.replaceState(history.state, "", location.pathname + location.search);
    void signInOnce(token)
      .then((asked) => (asked ? setChallenge(asked) : setOffer(true)))
      .catch((reason: unknown) => setLinkError(asApiError(reason)))
      .finally(() => setRedeeming(false));
  }, [redeeming]);

  const signedIn = session.phase === "signed-in";
  const mayOffer = offer && signedIn && !session.user.hasPassword;
  const done = signedIn && !redeeming && !mayOffer;
  useEffect(() => {
    if (done) leave();
    // Leaving happens once, when there is nothing left to ask.
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [done]);

  return (
    <div className={styles.signIn}>
      <aside className={styles.art}>
        <div className={styles.artBrand}>
          <Mark />
          <span>Sankofa Phoenix</span>
        </div>
        <Mark className={styles.artBird} />
        <div className={styles.artWords}>
          <h2>Go back and fetch it.</h2>
          <p>A cloud on machines you own: it says what it knows, counts what it promised, and brings back what was lost.</p>
        </div>
      </aside>
      <main className={styles.signInPanel}>
        {redeeming ? (
          <PageTitle>Opening your link…</PageTitle>
        ) : session.phase === "unreachable" ? (
          <ErrorBand what="The portal cannot reach its server" error={session.error} onRetry={() => void restore()} />
        ) : mayOffer ? (
          <SetPasswordForm onDone={leave} />
        ) : signedIn ? (
          <PageTitle>Opening…</PageTitle>
        ) : challenge ? (
          <>
            <PageTitle>Sign in</PageTitle>
            <CodeForm challenge={challenge} onDone={() => setOffer(true)} onAgain={() => setChallenge(null)} />
          </>
        ) : (
          <>
            <PageTitle>Sign in</PageTitle>
            {linkError && (
              <ErrorBand
                what="The link did not work"
                error={linkError}
              />
            )}
            {problem && !linkError && <ErrorBand what="You are not signed in" error={problemOf(problem)} />}
            <SignInForm returnTo={target} onDone={() => undefined} />
          </>
        )}
      </main>
    </div>
  );
}
