// One's own account: the second factor, where one is signed in, and the password.
import { lazy, Suspense, useCallback, useEffect, useState, type FormEvent } from "react";
import LogOut from "lucide-react/dist/esm/icons/log-out.mjs";
import { RevokeOtherSessionsDocument, RevokeSessionDocument, SessionsDocument, SetPasswordDocument, type SessionsQuery } from "../gql/graphql";
import { asApiError, execute, fieldErrors, secondFactor, userScope, type ApiError, type SecondFactor, type SessionUser } from "../lib/api";
import { notify, notifyError } from "../lib/notices";
import { passwordIsSet, useSession } from "../lib/session";
import { Moment, When } from "../ui/badges";
import { Button } from "../ui/Button";
import { TextField } from "../ui/Field";
import { PageTitle } from "../ui/PageTitle";
import { Band, ErrorBand, Patiently, Skeleton } from "../ui/States";
import type { SecondFactorAct } from "./SecondFactorDialogs";
import { deviceName, methods } from "./security.logic";
import styles from "./pages.module.css";

const SecondFactorDialog = lazy(async () => ({ default: (await import("./SecondFactorDialogs")).SecondFactorDialog }));

type Row = SessionsQuery["sessions"][number];

/** What was read, or why it could not be, and how to read it again. */
function useReading<T>(read: () => Promise<T>) {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const again = useCallback(() => {
    read().then(
      (found) => {
        setValue(found);
        setError(null);
      },
      (reason: unknown) => setError(asApiError(reason)),
    );
  }, [read]);
  useEffect(again, [again]);
  return { value, error, again };
}

const readSessions = async () => (await execute(SessionsDocument, {}, userScope)).sessions;

export function SecurityPage() {
  const session = useSession();
  const sessions = useReading(readSessions);
  if (session.phase !== "signed-in" && session.phase !== "expired") return null;
  const { user } = session;
  return (
    <>
      <div className={styles.head}>
        <PageTitle>Security of your account</PageTitle>
        <span className={styles.sub}>{user.email}</span>
      </div>
      <div className={styles.account}>
        <SecondFactorCard user={user} onChanged={sessions.again} />
        <SessionsCard rows={sessions.value} error={sessions.error} onAgain={sessions.again} />
        <PasswordCard hasPassword={user.hasPassword} onChanged={sessions.again} />
      </div>
    </>
  );
}

function SecondFactorCard({ user, onChanged }: { user: SessionUser; onChanged(): void }) {
  const { value, error, again } = useReading<SecondFactor>(secondFactor);
  const [act, setAct] = useState<SecondFactorAct | null>(null);
  return (
    <section className={styles.card} aria-labelledby="second-factor">
      <h2 id="second-factor">Second factor</h2>
      {error && <ErrorBand what="The second factor could not be read" error={error} onRetry={again} />}
      {!value && !error && <Waiting />}
      {value && !value.enabled && (
        <>
          <p>
            Off. With an authenticator app, whoever learns your password still stays outside, and what is dangerous asks for a code
            first.
          </p>
          <div className={styles.actions}>
            <Button tone="primary" onPress={() => setAct("enrol")}>
              Set up an authenticator app
            </Button>
          </div>
        </>
      )}
      {value?.enabled && (
        <>
          <p>
            On, since <Moment at={value.since} />. Signing in takes your password and a code of your authenticator app.
          </p>
          {value.recoveryCodes <= 3 ? (
            <Band tone="warn">
              <div>
                <strong>{value.recoveryCodes === 0 ? "No recovery code is left." : `${value.recoveryCodes} of 10 recovery codes are left.`}</strong> Make new
                ones before the app is out of reach.
              </div>
            </Band>
          ) : (
            <p className={styles.sub}>{value.recoveryCodes} of 10 recovery codes are left.</p>
          )}
          <div className={styles.actions}>
            <Button onPress={() => setAct("codes")}>New recovery codes</Button>
            <Button onPress={() => setAct("change")}>Change app</Button>
            <Button tone="danger" onPress={() => setAct("remove")}>
              Turn off
            </Button>
          </div>
        </>
      )}
      {act && (
        <Suspense>
          <SecondFactorDialog
            act={act}
            email={user.email}
            hasPassword={user.hasPassword}
            onClose={() => setAct(null)}
            onDone={() => {
              again();
              onChanged();
            }}
          />
        </Suspense>
      )}
    </section>
  );
}

function SessionsCard({ rows, error, onAgain }: { rows: Row[] | null; error: ApiError | null; onAgain(): void }) {
  async function end(what: string, act: () => Promise<unknown>) {
    try {
      await act();
      notify("ok", what);
    } catch (reason) {
      notifyError("The session was not ended", asApiError(reason));
    }
    onAgain();
  }
  const others = rows?.filter((row) => !row.current).length ?? 0;
  return (
    <section className={styles.card} aria-labelledby="sessions">
      <div className={styles.cardHead}>
        <h2 id="sessions">Where you are signed in</h2>
        <Button
          isDisabled={others === 0}
          onPress={() => void end("All other sessions are ended.", () => execute(RevokeOtherSessionsDocument, {}, userScope))}
        >
          <LogOut aria-hidden />
          Sign out everywhere else
        </Button>
      </div>
      {error && <ErrorBand what="Your sessions could not be read" error={error} onRetry={onAgain} />}
      {!rows && !error && <Waiting />}
      {rows && (
        <div className={styles.tableBox}>
          <table className={styles.table} aria-labelledby="sessions">
            <thead>
              <tr>
                <th scope="col">Device</th>
                <th scope="col">Address</th>
                <th scope="col">Last used</th>
                <th scope="col">Signed in with</th>
                <th scope="col">Action</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.id}>
                  <th scope="row" title={row.userAgent}>
                    {deviceName(row.userAgent)}
                  </th>
                  <td>
                    <code>{row.address}</code>
                  </td>
                  <td>
                    <When at={row.lastSeenAt} />
                  </td>
                  <td>{methods(row.amr)}</td>
                  <td className={styles.tableAct}>
                    {row.current ? (
                      <span className={styles.here}>This session</span>
                    ) : (
                      <Button
                        aria-label={`Sign out ${deviceName(row.userAgent)}, ${row.address}`}
                        onPress={() =>
                          void end(`${deviceName(row.userAgent)} is signed out.`, () => execute(RevokeSessionDocument, { id: row.id }, userScope))
                        }
                      >
                        Sign out
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

const shortest = 12;

function PasswordCard({ hasPassword, onChanged }: { hasPassword: boolean; onChanged(): void }) {
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const ready = password.length >= shortest && (!hasPassword || current.length > 0);
  const errors = fieldErrors(error);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || !ready) return;
    setBusy(true);
    setError(null);
    try {
      await execute(SetPasswordDocument, { current: hasPassword ? current : null, password }, userScope);
      passwordIsSet();
      setCurrent("");
      setPassword("");
      notify("ok", "The password is changed. All other sessions and your tokens are ended.");
      onChanged();
    } catch (reason) {
      setError(asApiError(reason));
    } finally {
      setBusy(false);
    }
  }

  const missing = shortest - password.length;
  return (
    <section className={styles.card} aria-labelledby="password">
      <h2 id="password">Password</h2>
      <form className={styles.form} onSubmit={(event) => void submit(event)} noValidate>
        {hasPassword && (
          <TextField label="Current password" type="password" autoComplete="current-password" value={current} onChange={setCurrent} error={errors.current} />
        )}
        <TextField
          label="New password"
          type="password"
          autoComplete="new-password"
          value={password}
          onChange={setPassword}
          error={errors.password}
          hint={password && missing > 0 ? `${missing} more characters` : `At least ${shortest} characters; a few words are best.`}
        />
        {error && !errors.current && !errors.password && <ErrorBand what="The password was not changed" error={error} />}
        <div className={styles.actions}>
          <Button type="submit" tone="primary" isDisabled={busy || !ready}>
            {hasPassword ? "Change password" : "Set password"}
          </Button>
        </div>
      </form>
    </section>
  );
}

const Waiting = () => (
  <Patiently>
    <Skeleton />
  </Patiently>
);
