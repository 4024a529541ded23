"""Client keys: who may ask what, what it costs, and what each may spend.

pricing.py        what usage costs at the prices of now
ledger.py         what has been spent and not been told yet: bills every attempt that ends
memory_book.py    where it is kept: in this process, or in the shared store (shared_book.py)
spend.py          the child that tells the books, and who reads them
"""
