"""`make demo`: the nightly run on the sample shop, then its lists and reasons for three users, and commands to try."""

from __future__ import annotations

import sys

from libs.conf import conf_root, load
from libs.metering.process_tree import measure
from libs.privacy.keys import pseudonym, pseudonym_key
from libs.query.ask import ask

SHOP, START, END = "music_store", "1998-01-01", "2014-06-30"
LIMIT = 12  # CPU-minutes of the whole process tree
RUN = ["reasonrec", "run", "daily", "--shop", SHOP, "--start", START, "--end", END, *sys.argv[1:]]

# Users with a list, by the length of their history.
USERS = """
SELECT p.user_id, p.events, p.segment_name FROM current_user_profiles AS p
JOIN (SELECT DISTINCT user_id FROM current_recommendations) AS r USING (user_id)
WHERE p.shop = ? ORDER BY p.events DESC, p.user_id"""
REASONS = """
SELECT rank, title, language, sentence FROM recommendations_with_reasons
WHERE shop = ? AND user_id = ? AND rank <= 2 ORDER BY rank, language"""
USER_IDS = "SELECT DISTINCT user_id FROM bronze.reviews WHERE shop = ? ORDER BY user_id"
BEST = "SELECT product_id FROM current_recommendations WHERE shop = ? AND user_id = ? ORDER BY rank LIMIT 1"
SHARES = """
SELECT count(*) AS rows, avg(CAST(grounded AS INT)) AS grounded, avg(CAST(contribution > 0 AS INT)) AS moved
FROM current_explanations WHERE shop = ?"""


def main() -> None:
    run = measure(RUN)
    if run.status:
        sys.exit(run.status)
    show()
    cpu = run.cpu_s / 60
    print(f"\nfigure: demo cpu_minutes={cpu:.2f} wall_minutes={run.wall_s / 60:.2f} ratio={cpu / LIMIT:.2f} of {LIMIT}")
    sys.exit(cpu > LIMIT)


def show() -> None:
    warehouse = load(conf_root(), "dev", None).env.warehouse
    users = ask(warehouse, USERS, [SHOP]).fetchall()
    for user, events, segment in (users[0], users[len(users) // 3], users[-1]):
        print(f"\nUser {user[:8]}, {events} review{'s'[: events > 1]}, segment “{segment}”")
        for rank, title, language, sentence in ask(warehouse, REASONS, [SHOP, user]).fetchall():
            print(f"  {f'{rank}. {title}' if language == 'en' else '':40.40} [{language}] {sentence}")
    rows, grounded, moved = ask(warehouse, SHARES, [SHOP]).fetchall()[0]
    print(
        f"\n{rows} sentences, {grounded:.1%} grounded in their evidence; {moved:.1%} cite a fact that moved the score."
    )
    print("\nTry these next (each takes about a second):")
    for example in (
        "reasonrec sql \"SELECT title, sentence FROM recommendations_with_reasons WHERE language = 'en' LIMIT 5\"",
        'reasonrec sql "SELECT type, count(*) AS facts FROM evidence GROUP BY type ORDER BY facts DESC"',
        "reasonrec sql \"SELECT list, target, value, low, high FROM quality.metrics WHERE metric = 'ndcg' AND k = 10\"",
        why_command(warehouse),
    ):
        print(f"  .venv/bin/{example}")


def why_command(warehouse: str) -> str:
    """`reasonrec why` of a published row: of the first of the shop's own user ids who has a list."""
    key = pseudonym_key(load(conf_root(), "dev", SHOP).env)
    users = (user for (user,) in ask(warehouse, USER_IDS, [SHOP]).fetchall())
    for user in users:
        for (product,) in ask(warehouse, BEST, [SHOP, pseudonym(user, key)]).fetchall():
            return f"reasonrec why --shop {SHOP} --user {user} --product {product}"
    raise SystemExit("nobody has a list")


if __name__ == "__main__":
    main()
