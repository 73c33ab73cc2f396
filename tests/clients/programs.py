"""Programs around the code of recipes: each line that they read has them connect anew, and say as whom."""

SYNC = """
import sys
kept = []
for line in sys.stdin:
    connection = connect()
    kept.append(connection)
    cursor = connection.cursor()
    cursor.execute("select current_user")
    print(*cursor.fetchone(), flush=True)
"""
ASYNC = """
import asyncio, sys
async def main():
    kept = []
    while await asyncio.to_thread(sys.stdin.readline):
        print(await ask(kept), flush=True)
asyncio.run(main())
"""
