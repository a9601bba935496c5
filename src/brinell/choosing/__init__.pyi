from brinell.choosing.advice import Advice as Advice
from brinell.choosing.advice import Counsel as Counsel
from brinell.choosing.advice import Names as Names
from brinell.choosing.advice import Proposal as Proposal
from brinell.choosing.advice import advise as advise
from brinell.choosing.situation import Situation as Situation
