from flask import Flask

app = Flask(__name__)

WORDS = [f"word {number}" for number in range(330_000)]


@app.get("/")
def count() -> str:
    index = {word.upper(): word.title() for word in WORDS}
    return f"{len(index)} words\n"
