# The client of this project, with a log and reports.
python clientapp/client.py --url ws://127.0.0.1:8000/ \
  --name alice --feed users --block-size 5

# Any WebSocket client will do.
npx wscat --connect ws://127.0.0.1:8000/
