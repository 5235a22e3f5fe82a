"""The local web application: search and browsing of a run in a browser, and its JSON API."""
