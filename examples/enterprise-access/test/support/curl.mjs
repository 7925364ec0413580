// What the printed commands need of curl, on a machine that has none: -sS, -H, -d and a URL.
const headers = {};
let body;
let url;
const args = process.argv.slice(2);
while (args.length > 0) {
  const argument = args.shift();
  if (argument === '-H') {
    const [name, ...value] = args.shift().split(': ');
    headers[name] = value.join(': ');
  } else if (argument === '-d') body = args.shift();
  else if (argument !== '-sS') url = argument;
}
const response = await fetch(url, { method: body === undefined ? 'GET' : 'POST', headers, body });
process.stdout.write(await response.text());
