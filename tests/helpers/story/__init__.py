"""A made-up labelling project with a story, for the samples: people and models with known habits label a harbour.

`cast` holds the parameters: who there is, and the habits that queries on the marts have to find. `answers` says what
people and models see in a picture, `project` plays week after week from a seed, and `exports` writes the project as an
API dump. `make story` writes the exports in `tests/samples` again.
"""
