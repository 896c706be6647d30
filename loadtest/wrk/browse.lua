-- Mixed looks at products: the list, single products, categories and searches.
-- TOKEN=… [HOST=…] wrk -t2 -c32 -d30s --latency -s loadtest/wrk/browse.lua http://127.0.0.1:8080
-- SKUS, CATEGORIES and WORDS (comma-separated) say what there is to look at.

local function list(name, default)
  local words = {}
  for word in (os.getenv(name) or default):gmatch("[^,]+") do
    words[#words + 1] = word
  end
  return words
end

local function encoded(text)
  return (text:gsub("[^%w%-%._~]", function(letter)
    return string.format("%%%02X", letter:byte())
  end))
end

local skus = list("SKUS", "ELEC-1,BOOK-1,HOME-1")
local categories = list("CATEGORIES", "Electronics,Home")
local words = list("WORDS", "Laptop,Lamp")

local headers = { ["Accept"] = "application/json" }
if os.getenv("TOKEN") then
  headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
end
if os.getenv("HOST") then
  headers["Host"] = os.getenv("HOST")
end

-- Each thread has its own stream of choices, the same in every run.
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("seed", threads)
end

function init()
  math.randomseed(seed)
end

local function one_of(choices)
  return encoded(choices[math.random(#choices)])
end

function request()
  local die = math.random(10)
  local path = "/api/inventory/products"
  if die > 7 then
    path = "/api/inventory/search?query=" .. one_of(words)
  elseif die > 5 then
    path = path .. "/category/" .. one_of(categories)
  elseif die > 1 then
    path = path .. "/" .. one_of(skus)
  end
  return wrk.format("GET", path, headers)
end

-- wrk counts answers outside 2xx and 3xx, and does not say which.
local counts = {}
function response(status)
  counts[status] = (counts[status] or 0) + 1
  if status >= 400 and counts[status] == 1 then
    io.stderr:write("first answer " .. status .. " of a thread\n")
  end
end
