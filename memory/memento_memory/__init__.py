"""Memento's memory: the case bank and the selection of cases."""
