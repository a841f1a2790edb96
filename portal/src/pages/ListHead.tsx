// The head of a page that is a list: its title, how many there are, and what is made here.
import type { ReactNode } from "react";
import { PageTitle } from "../ui/PageTitle";
import styles from "./pages.module.css";

export function ListHead({ title, total, children }: { title: string; total: ReactNode; children?: ReactNode }) {
  return (
    <div className={styles.head}>
      <PageTitle>{title}</PageTitle>
      <span className={styles.sub} data-testid="total">
        {total}
      </span>
      <span className={styles.spring} />
      {children}
    </div>
  );
}
