-- Fills one customer's cart, looks at it and empties it again: three writes, one read.
-- TOKEN=… [HOST=…] wrk -t1 -c1 -d30s --latency -s loadtest/wrk/cart.lua http://127.0.0.1:8080
-- SKU, NAME and PRICE name the product. All connections share the cart: with more than one of
-- them a DELETE may find nothing and is answered 404.

local token = os.getenv("TOKEN")
if not token then
  io.stderr:write("TOKEN is missing: log in at /api/users/login first\n")
  os.exit(2)
end

local headers = {
  ["Accept"] = "application/json",
  ["Authorization"] = "Bearer " .. token,
  ["Content-Type"] = "application/json",
}
if os.getenv("HOST") then
  headers["Host"] = os.getenv("HOST")
end

local sku = os.getenv("SKU") or "HOME-1"
local name = os.getenv("NAME") or "Kettle"
local price = os.getenv("PRICE") or "24.50"
local add = string.format(
  '{"productId":"%s","productName":"%s","price":%s,"quantity":1}', sku, name, price)
local change = string.format('{"productId":"%s","quantity":2}', sku)

local step = 0
function request()
  step = step % 4 + 1
  if step == 1 then
    return wrk.format("POST", "/api/cart/items", headers, add)
  elseif step == 2 then
    return wrk.format("PUT", "/api/cart/items", headers, change)
  elseif step == 3 then
    return wrk.format("GET", "/api/cart", headers)
  end
  return wrk.format("DELETE", "/api/cart/items/" .. sku, headers)
end
