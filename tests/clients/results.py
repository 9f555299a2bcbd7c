"""What the clients met, and whether that is a surprise."""

from client import Ended, Wrong

EARLY = 0.1  # seconds: the clock of the deadlines ticks coarsely


class Result:
    """What a client met."""

    def __init__(self, row):
        self.row, self.outcome, self.after = row, "nothing", 0.0
        self.detail, self.surprise = "", "it was not tried"

    def run(self, act, after, slack):
        """`act` returns the outcome, and `after` when it came about."""
        try:
            self.outcome = act()
        except Ended as ended:
            self.outcome, self.detail = "cut", str(ended)
        except (Wrong, OSError) as wrong:
            self.outcome, self.detail = "wrong", str(wrong)
        self.after = after()
        self.surprise = ""
        if self.outcome != self.row.expected:
            self.surprise = f"not {self.row.expected}"
        elif self.row.within:
            least, most = self.row.within
            if self.after < least - EARLY:
                self.surprise = f"earlier than {least:.1f} s"
            elif self.after > most + slack:
                self.surprise = f"later than {most:.1f} s"


def report(results):
    width = max(len(result.row.name) for result in results)
    print(f"  {'client':{width}}  {'server':8} {'expected':12} {'within':>10}  {'actual':12} "
          f"{'after':>6}")
    for result in results:
        row = result.row
        within = "{:.1f}-{:.1f}".format(*row.within) if row.within else ""
        within = "at once" if row.within == (0, 0) else within
        remark = "; ".join(filter(None, [result.detail, result.surprise]))
        line = (f"{'!' if result.surprise else ' '} {row.name:{width}}  {row.server:8} "
                f"{row.expected:12} {within:>10}  {result.outcome:12} {result.after:6.1f}  {remark}")
        print(line.rstrip())
