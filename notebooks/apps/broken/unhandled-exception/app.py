from flask import Flask, request

app = Flask(__name__)


@app.get("/")
def average() -> str:
    numbers = [float(each) for each in request.args.getlist("n")]
    return f"{sum(numbers) / len(numbers)}\n"
