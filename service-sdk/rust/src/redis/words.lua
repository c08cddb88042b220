-- What a business script can use, and how its answer becomes text.
local function refuse(reason)
    return { refusal = reason or '' }
end

local function text(value)
    if type(value) == 'number' and value == math.floor(value) then
        return string.format('%.0f', value)
    end
    if type(value) == 'table' then
        return value.ok or error('a business script answers with text, a number or refuse(..)')
    end
    return value and tostring(value) or ''
end
