"""Signs that a contest was not played fairly: private cases that got out, answers carried in a prompt, one
prompt under two names, words meant for whoever gives the marks.

Everything here takes texts and gives findings; ``challenges.integrity`` brings the rows. A finding holds a
score until an organizer has looked and does nothing else. docs/integrity.md states each rule, and what it
cannot find.
"""

# The one flag of every finding: a flag of each kind would tell a contestant which guess was right.
FLAG = "integrity-look"
