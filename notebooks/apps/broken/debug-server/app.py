from flask import Flask

app = Flask(__name__)

WORDS = [f"word {number}" for number in range(300_000)]


@app.get("/")
def count() -> str:
    found = sorted(word.upper() for word in WORDS)
    return f"{len(found)} words\n"
